package tethernats

import "encoding/json"

// A Codec turns values into bytes and back. [JSON] is the default. Its methods may be
// called by multiple goroutines at once.
type Codec interface {
	Encode(v any) ([]byte, error)
	Decode(data []byte, v any) error // v is a pointer; data may be kept
}

// JSON is the codec of package encoding/json.
var JSON Codec = jsonCodec{}

type jsonCodec struct{}

func (jsonCodec) Encode(v any) ([]byte, error)    { return json.Marshal(v) }
func (jsonCodec) Decode(data []byte, v any) error { return json.Unmarshal(data, v) }
