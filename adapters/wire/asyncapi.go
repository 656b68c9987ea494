package wire

import _ "embed"

// AsyncAPI describes the socket, as an AsyncAPI 3 document.
//
//go:embed asyncapi.json
var AsyncAPI []byte
