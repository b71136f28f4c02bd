package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

var (
	short    = flag.Bool("short", false, "a fixed sample, all of which must be noticed")
	hasty    = flag.Bool("hasty", false, "ask the quick tests alone; -again asks the others")
	again    = flag.Bool("again", false, "what has survived once more, too")
	explore  = flag.Bool("explore", false, "ask the schedule explorer too, which takes half a minute to pass a mutant")
	listing  = flag.Bool("list", false, "print the mutants and stop")
	onlyText = flag.String("match", "", "only mutants whose id or key contains this `text`")
	files    = flag.String("files", "", "only mutants of these `files`, comma-separated")
	sample   = flag.Float64("sample", 1, "only this `fraction` of the mutants that neither delete nor negate")
	seed     = flag.Uint64("seed", 1, "which of them")
	budget   = flag.Duration("budget", 0, "stop when this time is over; 0 is never. Deletions and negations come first, the rest in the order of seed")
	parallel = flag.Int("parallel", runtime.NumCPU(), "how many at once")
	root     = flag.String("root", "..", "the repository")
	work     = flag.String("work", filepath.Join(os.TempDir(), "tether-mutants"), "where binaries and results are kept")
	explain  = flag.Bool("v", false, "print each result")
)

func main() {
	flag.Parse()
	var stop func()
	stopped, stop = signal.NotifyContext(stopped, os.Interrupt, syscall.SIGTERM)
	defer stop()
	left, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if left > 0 {
		os.Exit(1)
	}
}

func run() (left int, err error) {
	start := time.Now()
	if err := os.MkdirAll(*work, 0o755); err != nil {
		return 0, err
	}
	top, err := filepath.Abs(*root)
	if err != nil {
		return 0, err
	}
	sch, err := newSchema(top, *work)
	if err != nil {
		return 0, err
	}
	equivalent, err := readReasons(filepath.Join(top, "verify", "mutate", "equivalent.txt"))
	if err != nil {
		return 0, err
	}
	killers, err := readReasons(filepath.Join(top, "verify", "mutate", "sample.txt"))
	if err != nil {
		return 0, err
	}
	keys := map[string]bool{}
	for _, m := range sch.mutants {
		keys[m.Key()] = true
	}
	for _, key := range slices.Sorted(maps.Keys(equivalent)) {
		if !keys[key] {
			fmt.Println("equivalent.txt has a mutant that is not there any more:", key)
		}
	}
	chosen := slices.DeleteFunc(slices.Clone(sch.mutants), func(m *Mutant) bool { return !wanted(m) })
	results := map[string]result{}
	file := filepath.Join(*work, "results.jsonl")
	if *short {
		all := len(killers)
		chosen = slices.DeleteFunc(chosen, func(m *Mutant) bool { return killers[m.Key()] == "" })
		if 2*len(chosen) < all {
			return 0, fmt.Errorf("only %d of the %d mutants in sample.txt are there still: choose others", len(chosen), all)
		}
		file = os.DevNull
	} else if results, err = readResults(file); err != nil {
		return 0, err
	}
	if *listing {
		for _, m := range chosen {
			fmt.Printf("%4d %s\n     %s\n", m.N, m.ID(), m.Key())
		}
		return 0, nil
	}
	fmt.Printf("%d mutants, %d chosen\n", len(sch.mutants), len(chosen))
	all, err := prepare(top, sch, chosen)
	if err != nil {
		return 0, err
	}
	fmt.Printf("prepared in %.0f s\n", time.Since(start).Seconds())

	out, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	var todo []*Mutant
	for _, m := range chosen {
		if r, ok := results[m.Key()]; !ok || *again && !r.dead() && equivalent[m.Key()] == "" {
			todo = append(todo, m)
		}
	}
	first := func(m *Mutant) uint64 {
		if m.Op == "delete" || m.Op == "negate" {
			return 0
		}
		return rank(m) | 1
	}
	slices.SortStableFunc(todo, func(a, b *Mutant) int { return cmp.Compare(first(a), first(b)) })
	fmt.Printf("%d to do\n", len(todo))
	var mu sync.Mutex // guards results, out and done
	done := 0
	err = each(todo, func(m *Mutant) error {
		if *budget > 0 && time.Since(start) > *budget || stopped.Err() != nil {
			return nil
		}
		r := try(all, m, !*hasty, killers[m.Key()])
		if stopped.Err() != nil {
			return nil // nobody knows
		}
		mu.Lock()
		defer mu.Unlock()
		results[r.Key] = r
		if done++; done%50 == 0 && !*short {
			fmt.Printf("%d of %d after %.0f s\n", done, len(todo), time.Since(start).Seconds())
		}
		if *explain || !r.dead() {
			fmt.Printf("%-9s %5.1f s %s\n          %s %s\n", r.Status, r.Seconds, r.ID, r.Key, r.By)
		}
		return json.NewEncoder(out).Encode(r)
	})
	if err != nil {
		return 0, err
	}
	shown := map[string]result{}
	for _, m := range chosen {
		if r, ok := results[m.Key()]; ok {
			shown[r.Key] = r
		}
	}
	left = report(os.Stdout, chosen, shown, equivalent)
	fmt.Printf("%.0f s\n", time.Since(start).Seconds())
	return left, nil
}

func rank(m *Mutant) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", *seed, m.Key())
	x := h.Sum64() // FNV leaves its high bits alone
	x ^= x >> 32
	return x * 0x9e3779b97f4a7c15
}

func wanted(m *Mutant) bool {
	if *files != "" && !slices.Contains(strings.Split(*files, ","), m.File) {
		return false
	}
	if *onlyText != "" && !strings.Contains(m.ID()+"\n"+m.Key(), *onlyText) {
		return false
	}
	return *sample >= 1 || m.Op == "delete" || m.Op == "negate" || float64(rank(m)>>11)/(1<<53) < *sample
}

// prepare builds the suites and records what each test reaches. The short form
// saves the recording: its mutants meet all tests.
func prepare(top string, sch *schema, chosen []*Mutant) ([]*suite, error) {
	all := slices.DeleteFunc(suites(top), func(s *suite) bool {
		return !slices.ContainsFunc(chosen, func(m *Mutant) bool { return s.meets(m.File) })
	})
	if *short {
		all = slices.DeleteFunc(all, func(s *suite) bool { return s.only == "" && s.name != "root" || s.name == "verify/state" })
	}
	if err := each(all, func(s *suite) error { return s.build(sch, *work) }); err != nil {
		return nil, err
	}
	type job struct {
		s    *suite
		i    int
		name string
	}
	var jobs []job
	for _, s := range all {
		names, err := s.list()
		if err != nil {
			return nil, err
		}
		s.tests = make([]*test, len(names))
		for i, name := range names {
			jobs = append(jobs, job{s, i, name})
		}
	}
	cache, err := openCache(filepath.Join(*work, "reached.json"), all)
	if err != nil {
		return nil, err
	}
	err = each(jobs, func(j job) (err error) {
		if *short {
			reached := make([]byte, len(sch.mutants))
			for i := range reached {
				reached[i] = 1
			}
			j.s.tests[j.i] = &test{j.name, 0.1, reached}
			return nil
		}
		if t := cache.get(j.s, j.name); t != nil {
			j.s.tests[j.i] = t
			return nil
		}
		j.s.tests[j.i], err = j.s.record(j.name, *work, len(sch.mutants))
		return err
	})
	if err != nil || *short {
		return all, err
	}
	return all, cache.save(all)
}

// each calls f for all of list, some at once, and returns the first error.
func each[T any](list []T, f func(T) error) error {
	var group sync.WaitGroup
	work := make(chan T)
	var once sync.Once
	var first error
	for range *parallel {
		group.Go(func() {
			for v := range work {
				if err := f(v); err != nil {
					once.Do(func() { first = err })
				}
			}
		})
	}
	for _, v := range list {
		work <- v
	}
	close(work)
	group.Wait()
	return first
}
