// Package inspectweb shows the owners of a running program in a browser: whether something
// leaks, is stuck, or drops values, and at which line.
//
//	debug := http.NewServeMux()
//	debug.Handle("/debug/tether/", inspectweb.Handler(app))
//	go http.ListenAndServe("localhost:6060", debug) // and open http://localhost:6060/debug/tether/
//
// It is for owners what net/http/pprof is for goroutines and memory. Put both on the same debug
// port. The page needs nothing but the program: no network, no files, no other process.
//
// # What it shows
//
//   - Now: how many owners, connections, goroutines, timers, cleanups and pending values there
//     are, with a line over the last minutes, and what grows. It says what is wrong, the gravest
//     first, with file and line.
//   - Trouble: handlers and teardowns that do not come to an end, with their stacks; full
//     queues, and queues that drop; owners that nobody destroyed; what is more at one look after
//     the other. Each says what to do about it, and opens the section of docs/debugging.md.
//   - Tree: the owners, alike ones as one line with their number, to be opened step by step.
//   - Search: by name, path, function, file and line, or a signal's type.
//   - Compare: what is more or less since somebody pressed Mark.
//
// The keyboard is enough: 1 to 4 for the views, / to search, m to mark, p to pause, arrows in
// the tree. It works on a telephone, and in light and dark.
//
// Without a browser: curl of the page gives the trouble and the tree as text. tree.txt and
// tree.json beside it give the tree.
//
// # What it costs
//
//   - While no page is open: nothing. A minute after the last one was closed, or asked for as
//     text, what it has seen is forgotten; until then a timer is pending.
//   - While one is: a goroutine, which looks at all owners each second, on behalf of all pages.
//     A look takes 200 ns or so for each owner. Looks take one twentieth of the time at the
//     most: if one takes 200 ms, as with a million owners, the next comes four seconds after it.
//     The page says so below.
//   - No Fire waits for a look. An owner is locked while it is looked at, for milliseconds if it
//     holds a hundred thousand things.
//   - New children and queues have their line noted, at some 300 ns each, see
//     [inspect.RecordSites]. What was made before the page was opened has none; a program that
//     calls RecordSites at its start has them all.
//   - The stacks of all goroutines are printed when a handler or teardown has been stuck for
//     half of the time of [Stuck], and again for all of it. That stops the program, for about
//     10 us for each goroutine. With more than 10 000 goroutines it is not done.
//   - Each page takes a few kilobytes beside what net/http takes. At most 200 are open, others
//     are refused. A page that does not read for 10 s is closed. A page that nobody sees
//     closes its stream.
//   - Each request is answered with a bounded number of bytes, from the last look or one owner.
//     One search runs at a time, and for half a second at the most.
//
// # What it keeps safe
//
//   - It is read-only. It answers GET and HEAD.
//   - It answers requests to the machine itself: to localhost and loopback addresses; others
//     only if [Hosts] names them. So the page of another site can't read it by having its own
//     name resolve to this machine.
//   - It refuses what the page of another site asks for, and allows no frame around it. A strict
//     Content-Security-Policy keeps its page from running or loading anything but its own files.
//   - Names of owners, which may come from users, are quoted as [tether.Owner.String] quotes
//     them, cut where they are very long, and shown as text. Nothing of a request is part of an
//     answer.
//   - It registers nothing on [http.DefaultServeMux].
//
// It has no password: whoever reaches the port sees names, functions, files and stacks. Keep it
// on a debug port, at localhost.
//
// # How it ends
//
// Open pages are children of the owner that [Handler] is given. They end with it, and when the
// server that they are on begins [http.Server.Shutdown], so neither waits for a reader. A page
// that has lost its program goes on trying, and says so.
package inspectweb
