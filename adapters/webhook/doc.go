// Package webhook brings what hooks are told by HTTP, signed as Standard Webhooks says
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
//
// Where a hook's owner wants it to go is their wish, and not the service's to trust. So a parcel
// goes to public addresses only, unless the operator allows a network: what is looked at is the
// address that is dialled, after the name was resolved, each time. No redirect is followed, no
// proxy of the environment is used, and an answer is read for so long and so far only.
package webhook
