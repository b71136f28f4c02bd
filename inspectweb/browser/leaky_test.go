package browser_test

import (
	"bufio"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

var picture = flag.Bool("picture", false, "take docs/inspectweb.png anew, which takes a minute")

// examples/leaky marks its six faults; the page must name the line of each.
func TestThePageFindsTheSixLeaksOfLeaky(t *testing.T) {
	p := newPage(t, 1280, 1400)
	program := filepath.Join(t.TempDir(), "leaky")
	build := exec.Command("go", "build", "-trimpath", "-o", program, "./examples/leaky")
	build.Dir = "../.."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	run := exec.Command(program, "-debug", "127.0.0.1:0")
	run.Stderr = os.Stderr
	stdout, err := run.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, run.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	p.open(strings.TrimSpace(strings.TrimPrefix(line, "debug: ")))

	for leak, kind := range map[string]string{"1": "grows", "2": "grows", "3": "grows", "4": "grows", "5": "lost", "6": "stuck"} {
		p.shows("#first [data-kind="+kind+"] .pos", at(t, "../../examples/leaky/main.go", "leak "+leak))
	}
	p.shot("now")
	if *picture {
		time.Sleep(45 * time.Second)
		var png []byte
		p.run(chromedp.EmulateViewport(1280, 580), chromedp.Sleep(2*time.Second), chromedp.CaptureScreenshot(&png))
		require.NoError(t, os.WriteFile("../../docs/inspectweb.png", png, 0o644))
	}
	p.key("2")
	p.shows(".card[data-kind=stuck] .pos", at(t, "../../examples/leaky/main.go", "leak 6"))
	p.shot("trouble")
	require.NoError(t, run.Process.Signal(syscall.SIGTERM))
	require.NoError(t, run.Wait())
	p.shows("#live", "trying again")
}
