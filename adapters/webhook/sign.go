package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/ports"
)

// The headers of Standard Webhooks.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

// signatures signs id, time and body of a parcel, in base64: with each secret by HMAC-SHA256, the
// scheme v1, and with each private key by ed25519, the scheme v1a.
func signatures(p ports.Parcel, at time.Time) string {
	head := p.ID + "." + strconv.FormatInt(at.Unix(), 10) + "."
	all := make([]string, 0, len(p.Secrets)+len(p.Keys))
	for _, secret := range p.Secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(head))
		mac.Write(p.Body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if len(p.Keys) > 0 {
		content := append([]byte(head), p.Body...)
		for _, key := range p.Keys {
			all = append(all, "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(key, content)))
		}
	}
	return strings.Join(all, " ")
}
