package jwt

import "github.com/parley-chat/parley/core/chat"

// refusal says why a token is refused: in a text for its owner, and in one word for metrics.
type refusal struct {
	told *chat.Error
	why  why
}

func (r *refusal) Error() string { return r.told.Error() }
func (r *refusal) Unwrap() error { return r.told }

// why is a reason to refuse a token.
type why string

const (
	missing      why = "missing"
	tooLong      why = "too_long"
	malformed    why = "malformed"
	badHeader    why = "header"
	badAlgorithm why = "algorithm"
	unknownKey   why = "unknown_key"
	badSignature why = "signature"
	expired      why = "expired"
	notYetValid  why = "not_yet_valid"
	badIssuer    why = "issuer"
	badAudience  why = "audience"
	badClaims    why = "claims"
)

func refused(w why, format string, args ...any) error {
	return &refusal{chat.Errorf(chat.Unauthenticated, format, args...), w}
}

// because returns the refusal of a token for the reason that err says.
func because(err error, w why, text string) error {
	return &refusal{&chat.Error{Kind: chat.Unauthenticated, Reason: text, Cause: err}, w}
}
