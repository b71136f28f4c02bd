package debugport_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether/examples/internal/debugport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestThePageAndTheProfilesAreServedUntilTheEnd(t *testing.T) {
	var out bytes.Buffer
	stop, err := debugport.Serve(&out, "127.0.0.1:0")
	require.NoError(t, err)
	url := strings.TrimSpace(strings.TrimPrefix(out.String(), "debug: "))
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	get := func(url string) string {
		res, err := client.Get(url)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, http.StatusOK, res.StatusCode)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return string(text)
	}
	require.Contains(t, get(url+"tree.txt"), "debug port")
	require.Contains(t, get(strings.Replace(url, "tether", "pprof", 1)+"goroutine?debug=1"), "goroutine profile")
	res, err := client.Get(url + "events") // a page that is open
	require.NoError(t, err)
	defer res.Body.Close()
	stop()
	_, err = client.Get(url)
	require.Error(t, err)

	_, err = debugport.Serve(&out, "nowhere:x")
	require.Error(t, err)
	stop, err = debugport.Serve(&out, "")
	require.NoError(t, err)
	stop()
}
