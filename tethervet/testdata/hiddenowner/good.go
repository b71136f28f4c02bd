package hiddenowner

import (
	"context"

	"github.com/seed-ec287111/tether"
)

type Service struct {
	owner *tether.Owner
	name  string
}

func NewService(parent *tether.Owner) *Service {
	return &Service{owner: parent.NewChild("service")}
}

func NewServiceOfARoot(parent *tether.Owner) *Service {
	return &Service{owner: tether.NewOwner("service")}
}

type Closing struct{ owner *tether.Owner }

func NewClosing() *Closing { return &Closing{owner: tether.NewOwner("closing")} }

func (c *Closing) Close() error { return c.owner.Destroy() }

type Stopping struct{ owner *tether.Owner }

func NewStopping() *Stopping {
	s := &Stopping{owner: tether.NewOwner("stopping")}
	return s
}

func (s *Stopping) Stop() { end(s.owner) }

func end(o *tether.Owner) { o.Destroy() }

type Open struct{ owner *tether.Owner }

func NewOpen() *Open { return &Open{owner: tether.NewOwner("open")} }

func (o *Open) Owner() *tether.Owner { return o.owner }

type Exported struct{ Owner *tether.Owner }

func NewExported() *Exported { return &Exported{Owner: tether.NewOwner("exported")} }

type Embedded struct{ *tether.Owner }

func NewEmbedded() *Embedded { return &Embedded{tether.NewOwner("embedded")} }

type Ending struct{ owner *tether.Owner }

func NewEnding(ctx context.Context) *Ending {
	return &Ending{owner: tether.NewOwner("ending", tether.WithContext(ctx))}
}

func NewEndingByOption(opts ...tether.OwnerOption) *Ending {
	return &Ending{owner: tether.NewOwner("ending", opts...)}
}

type Config struct {
	Parent *tether.Owner
	Name   string
}

func NewEndingByConfig(c Config) *Ending { return &Ending{owner: tether.NewOwner(c.Name)} }

func NewEndingByFunction(stop func(func())) *Ending {
	e := &Ending{owner: tether.NewOwner("ending")}
	return e
}

func NewUnattended() *Ending {
	return &Ending{owner: tether.NewOwner("ending", tether.Unattended())}
}

type Returning struct{ owner *tether.Owner }

func NewReturning() (*Returning, func()) {
	owner := tether.NewOwner("returning")
	return &Returning{owner: owner}, func() { owner.Destroy() }
}

func newHidden() *Hidden { return &Hidden{owner: tether.NewOwner("hidden")} }

type Hidden struct{ owner *tether.Owner }

type Method struct{ owner *tether.Owner }

func (m *Method) NewMethod() *Method { return &Method{owner: tether.NewOwner("method")} }

type Cleaned struct{ owner *tether.Owner }

func NewCleaned() *Cleaned {
	c := &Cleaned{owner: tether.NewOwner("cleaned")}
	register(c.owner.Cancel)
	return c
}

var registered []func(error)

func register(f func(error)) { registered = append(registered, f) }

type Ignored struct{ owner *tether.Owner }

func NewIgnored() *Ignored {
	//tethervet:ignore hiddenowner one for the whole program
	return &Ignored{owner: tether.NewOwner("ignored")}
}

func NewOther() *Service {
	o := tether.NewOwner("other")
	defer o.Destroy()
	return &Service{name: o.Name()}
}

func NewInt() int {
	o := tether.NewOwner("int")
	defer o.Destroy()
	return o.Stats().Owners
}

type Single struct{ owner *tether.Owner }

var single *Single

func Default() *Single {
	if single == nil {
		single = &Single{owner: tether.NewOwner("single")}
	}
	return single
}
