package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Reason is why a player is gone. It is the cause of its owner's end, so the
// first one stands, and whatever ends with the owner can ask for it.
type Reason string

func (r Reason) Error() string { return string(r) }

// All the reasons there are.
const (
	ByChoice Reason = "left"
	Lost     Reason = "connection lost"
	Idle     Reason = "idle"
	Slow     Reason = "too slow a reader"
	TooLong  Reason = "over-long line"
	NotText  Reason = "not text"
	Flood    Reason = "too many lines"
	BadName  Reason = "a name is 1 to 16 letters, digits, - or _"
	Taken    Reason = "that name is taken"
	Full     Reason = "the lobby is full"
	Closing  Reason = "the lobby closes"
)

// read returns the client's next line, or why there won't be one. Only whole
// lines count: what a client was about to say when it went is not said.
func (p *Player) read() (string, Reason) {
	line, err := p.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", TooLong
	case errors.Is(err, io.EOF):
		return "", ByChoice
	case err != nil: // or it was dropped, and the interrupt ended the read
		return "", Lost
	}
	p.quiet.Store(0)
	if p.lines.Add(1) > int64(p.lobby.limits.Flood) {
		return "", Flood
	}
	line = bytes.TrimSpace(line)
	if !utf8.Valid(line) || bytes.ContainsFunc(line, isRubbish) {
		return "", NotText
	}
	return string(line), ""
}

// isRubbish finds what would play tricks with a terminal.
func isRubbish(r rune) bool { return unicode.IsControl(r) && r != '\t' }

func validName(name string) bool {
	n := utf8.RuneCountInString(name)
	return 1 <= n && n <= 16 && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}
