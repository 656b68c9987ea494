// Package webhook delivers parcels of hooks by HTTP, signed as Standard Webhooks says
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
//
// The owner of a hook chooses its URL, so the service must not trust it. A parcel goes only to
// public addresses, unless the operator allows a network. The address is checked each time when it
// is dialled, after the name was resolved. No redirect is followed, no proxy of the environment is
// used, and only so many bytes of an answer are read, for so long.
package webhook
