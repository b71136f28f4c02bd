// Package inspectweb shows the owners of a running program in a browser. The page says
// whether something leaks, is stuck or drops values, and at which line.
//
//	debug := http.NewServeMux()
//	debug.Handle("/debug/tether/", inspectweb.Handler(app))
//	go http.ListenAndServe("localhost:6060", debug) // and open http://localhost:6060/debug/tether/
//
// It does for owners what net/http/pprof does for goroutines and memory. Put both on the
// same debug port. The page needs nothing but the program: no network, no files, no other
// process.
//
// # What it shows
//
//   - Now: the numbers of owners, connections, goroutines, timers, cleanups and pending
//     values, with a line over the last minutes, and what grows. It says what is wrong, the
//     gravest first, with file and line.
//   - Trouble: handlers and teardowns that do not come to an end, with their stacks; queues
//     that are full or drop values; owners that were never destroyed; what is more at one
//     look after the other. Each entry says what to do about it, and opens the section of
//     docs/debugging.md.
//   - Tree: the owners, to be opened step by step. Alike owners are one line with their
//     number.
//   - Search: by name, path, function, file and line, or a signal's type.
//   - Compare: what is more or less since Mark was pressed.
//
// The keyboard is enough: 1 to 4 for the views, / to search, m to mark, p to pause, arrows
// in the tree. The page works on a telephone, and in light and dark.
//
// Without a browser, curl of the page gives the trouble and the tree as text. tree.txt and
// tree.json beside the page give the tree.
//
// # What it costs
//
//   - While no page is open, it costs nothing. A minute after the last page was closed, or
//     asked for as text, the handler forgets what it has seen. Until then a timer is
//     pending.
//   - While a page is open, a goroutine looks at all owners each second, on behalf of all
//     pages. A look takes 200 ns or so for each owner. Looks take one twentieth of the time
//     at the most: if a look takes 200 ms, as with a million owners, the next one comes
//     four seconds after it. The page says so at its bottom.
//   - No Fire waits for a look. An owner is locked while it is looked at, for milliseconds
//     if it holds a hundred thousand things.
//   - The line that makes a new child or queue is noted, at some 300 ns each, see
//     [inspect.RecordSites]. Owners and queues that were made before the page was opened
//     have no line. They do have one if the program calls RecordSites at its start.
//   - The stacks of all goroutines are printed when a handler has taken half of the time of
//     [Stuck], and when a handler or teardown has taken all of it. That stops the program,
//     for about 10 us for each goroutine. With more than 10 000 goroutines it is not done.
//   - Each page takes a few kilobytes beside what net/http takes. At most 200 pages are
//     open, and others are refused. A page that does not read for 10 s is closed. A page
//     that is not visible closes its stream.
//   - Each request is answered with a bounded number of bytes, from the last look or from
//     one owner. One search runs at a time, and for half a second at the most.
//
// # What it keeps safe
//
//   - It is read-only. It answers GET and HEAD.
//   - It answers requests to the machine itself: to localhost and loopback addresses. It
//     answers requests to other hosts only if [Hosts] names them. So the page of another
//     site can't read it by having its own name resolve to this machine.
//   - It refuses requests that the page of another site makes, and allows no frame around
//     it. A strict Content-Security-Policy keeps its page from running or loading anything
//     but its own files.
//   - Names of owners may come from users. They are quoted as [tether.Owner.String] quotes
//     them, cut if they are very long, and shown as text. Nothing of a request is part of
//     an answer.
//   - It registers nothing on [http.DefaultServeMux].
//
// It has no password: a client that reaches the port sees names, functions, files and
// stacks. Keep it on a debug port, at localhost.
//
// # How it ends
//
// Open pages are children of the owner that [Handler] gets. They end with that owner. They
// also end when their server begins [http.Server.Shutdown]. So neither waits for a reader.
// If a page has lost its program, it says so and tries to reach it again and again.
package inspectweb
