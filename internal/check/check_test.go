package check_test

import (
	"io"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether/internal/check"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	pointed struct{}
	called  func()
	keyed   map[int]int
	sent    chan int
	listed  []int
)

func (*pointed) Close() error { return nil }
func (called) Close() error   { return nil }
func (keyed) Close() error    { return nil }
func (sent) Close() error     { return nil }
func (listed) Close() error   { return nil }

func TestNil_FindsTheNilOfEveryTypeThatHasOne(t *testing.T) {
	var none io.Closer
	for name, v := range map[string]any{
		"nothing": nil, "an interface": none, "a pointer": (*pointed)(nil), "a func": called(nil), "a map": keyed(nil),
		"a chan": sent(nil), "a slice": listed(nil), "an unsafe pointer": unsafe.Pointer(nil),
		"a pointer in an interface": io.Closer((*pointed)(nil)), "a func in an interface": io.Closer(called(nil)),
	} {
		assert.True(t, check.Nil(v), name)
	}
}

func TestNil_LeavesOtherValuesAlone(t *testing.T) {
	for name, v := range map[string]any{
		"a pointer": new(pointed), "a pointer to a nil": new(*pointed), "a func": called(func() {}), "an empty map": keyed{},
		"a chan": make(sent), "an empty slice": listed{}, "zero": 0, "no text": "", "a struct": pointed{}, "an array": [1]*int{},
		"false": false, "an unsafe pointer": unsafe.Pointer(new(int)), "an address": uintptr(0),
	} {
		assert.False(t, check.Nil(v), name)
	}
}
