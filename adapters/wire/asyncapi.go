package wire

import _ "embed"

//go:generate go run ../edge/pack asyncapi.json

// AsyncAPI describes the socket, as an AsyncAPI 3 document: asyncapi.json, compressed by gzip.
//
//go:embed asyncapi.json.gz
var AsyncAPI []byte
