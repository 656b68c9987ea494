package otlp

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

const grpcHead = 5 // bytes before a message: whether it is compressed (1), and its length (4)

// putHead writes the head of the message that follows it.
func putHead(frame []byte, packed bool) {
	frame[0] = 0
	if packed {
		frame[0] = 1
	}
	// A batch is far smaller than 4 GiB.
	binary.BigEndian.PutUint32(frame[1:], uint32(len(frame)-grpcHead))
}

func grpcHeaders(h http.Header, packed bool) {
	h.Set("Content-Type", "application/grpc+proto")
	h.Set("Te", "trailers")
	if packed {
		h.Set("Grpc-Encoding", "gzip")
	}
}

// grpcRetryable are the codes after which an OTLP client should try again: cancelled, deadline
// exceeded, aborted, out of range, unavailable, data loss.
var grpcRetryable = []int{1, 4, 10, 11, 14, 15}

// grpcAnswer returns the message of an answer, or the error in the answer.
func grpcAnswer(response *http.Response, answer []byte) ([]byte, error) {
	said := response.Trailer // after the message, or in the header if there is none
	if said.Get("Grpc-Status") == "" {
		said = response.Header
	}
	status, why := said.Get("Grpc-Status"), said.Get("Grpc-Message")
	if text, err := url.PathUnescape(why); err == nil {
		why = text
	}
	code, err := strconv.Atoi(status)
	switch {
	case err != nil: // not gRPC: usually from a proxy
		if err := httpAnswer(response, answer); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s does not answer by gRPC", response.Request.URL.Host)
	case code != 0:
		err := fmt.Errorf("%s answers with status %d of gRPC: %q", response.Request.URL.Host, code, why[:min(len(why), maxQuoted)])
		if slices.Contains(grpcRetryable, code) {
			return nil, retryable{error: err}
		}
		return nil, err
	case len(answer) < grpcHead:
		return nil, nil
	case answer[0] == 0:
		return answer[grpcHead:], nil
	}
	return unpack(answer[grpcHead:])
}

// unpack decompresses an answer: a server may compress it because the request was compressed.
func unpack(message []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(message))
	if err == nil {
		message, err = io.ReadAll(io.LimitReader(r, maxAnswer))
	}
	if err != nil {
		return nil, fmt.Errorf("unpack an answer: %w", err)
	}
	return message, nil
}
