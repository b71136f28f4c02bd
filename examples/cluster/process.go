package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/seed-ec287111/tether"
)

// A Process is a lobby process, as the first one has it. Its owner ends when the process does,
// and the process when its owner does: its standard input is closed, and if that is not
// enough, it is killed after the grace time.
type Process struct {
	name    string
	addr    string // where the lobby listens
	cmd     *exec.Cmd
	owner   *tether.Owner
	clients []*Client
	killed  bool

	report *Report // set when owner has ended; nil if there was none
}

// start starts this program once more, as a lobby, and returns when that listens.
func start(owner *tether.Owner, name, url string) (*Process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &Process{name: name, owner: owner.NewChild(name)}
	p.cmd = exec.CommandContext(p.owner.Context(), exe)
	p.cmd.Env = append(os.Environ(), nameVar+"="+name, natsVar+"="+url)
	p.cmd.Stderr = os.Stderr
	p.cmd.WaitDelay = grace
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Cancel = stdin.Close
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stdout)
	addr := make(chan string, 1)
	p.owner.GoErr(func(context.Context) error {
		if lines.Scan() {
			addr <- lines.Text()
		}
		close(addr)
		var errs []error
		if lines.Scan() {
			p.report = new(Report)
			errs = append(errs, json.Unmarshal(lines.Bytes(), p.report))
		}
		return errors.Join(append(errs, p.cmd.Wait())...)
	})
	var ok bool
	if p.addr, ok = <-addr; !ok {
		return nil, fmt.Errorf("%s does not listen: %w", name, p.owner.Destroy())
	}
	return p, nil
}

// kill kills the process, as a crash or a machine that fails would.
func (p *Process) kill() error {
	p.killed = true
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	<-p.owner.Ended()
	var exit *exec.ExitError
	if err := context.Cause(p.owner.Context()); !errors.As(err, &exit) {
		return fmt.Errorf("%s was killed, but ended with %w", p.name, err)
	}
	return nil
}

func (p *Process) alive() bool { return p.owner.Alive() }
