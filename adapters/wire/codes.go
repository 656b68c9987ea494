package wire

import (
	"net/http"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// statuses are the HTTP statuses of the error codes.
var statuses = map[chat.Kind]int{
	chat.BadRequest:      http.StatusBadRequest,
	chat.UnknownType:     http.StatusBadRequest,
	chat.Invalid:         http.StatusUnprocessableEntity,
	chat.Unauthenticated: http.StatusUnauthorized,
	chat.Forbidden:       http.StatusForbidden,
	chat.NotFound:        http.StatusNotFound,
	chat.Conflict:        http.StatusConflict,
	chat.RateLimited:     http.StatusTooManyRequests,
	chat.Unavailable:     http.StatusServiceUnavailable,
	chat.Internal:        http.StatusInternalServerError,
}

// HTTPStatus returns the HTTP status for an error's kind.
func HTTPStatus(k chat.Kind) int {
	if status, ok := statuses[k]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// ErrorStatus returns the HTTP status of an error: that of its kind, unless its detail says more.
func ErrorStatus(e *chat.Error) int {
	if e.Kind == chat.Conflict && e.Detail == chat.Stale {
		return http.StatusPreconditionFailed
	}
	return HTTPStatus(e.Kind)
}

type closing struct {
	code   uint16
	reason string
}

// closings are the close codes of the reasons that a session ends for.
var closings = [...]closing{
	ports.CloseGone:            {1000, ""},
	ports.CloseRestart:         {1012, "going away for a restart"},
	ports.CloseRenewed:         {1012, "the log is another one: start anew"},
	ports.CloseUnauthenticated: {4401, "no good token"},
	ports.CloseExpired:         {4401, "the token has expired"},
	ports.CloseRevoked:         {4401, "the token was revoked"},
	ports.CloseDisconnected:    {4403, "disconnected by an operator"},
	ports.CloseSilent:          {4408, "silent for too long"},
	ports.CloseSlow:            {4408, "too slow"},
	ports.CloseBadRequests:     {4400, "too many bad requests"},
	ports.CloseFlooding:        {4429, "over the limit for too long"},
	ports.CloseInternal:        {1011, "a fault of the service"},
	ports.CloseProtocol:        {1002, "the rules of WebSocket"},
}

// CloseCode returns the WebSocket close code and the words for a reason.
func CloseCode(r ports.CloseReason) (code uint16, reason string) {
	return closings[r].code, closings[r].reason
}

// AppendHTTPError appends the body of an HTTP error to dst: the part of err that a client may see,
// and, unless it is empty, the trace id under which it is logged.
func AppendHTTPError(dst []byte, err error, traceID string) []byte {
	o := object{dst: append(dst, '{')}
	o.open("error")
	o.failure(chat.AsError(err))
	if traceID != "" {
		o.text("trace_id", traceID)
	}
	o.close()
	return append(o.dst, '}')
}
