package state

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// rk4 integrates y" + 2 zeta omega y' + omega^2 y = 0 in n steps of the classic
// Runge-Kutta method.
func rk4(o oscillator, y, v, t float64, n int) (float64, float64) {
	h := t / float64(n)
	acc := func(y, v float64) float64 { return -2*o.zeta*o.omega*v - o.omega*o.omega*y }
	for range n {
		y1, v1 := v, acc(y, v)
		y2, v2 := v+h/2*v1, acc(y+h/2*y1, v+h/2*v1)
		y3, v3 := v+h/2*v2, acc(y+h/2*y2, v+h/2*v2)
		y4, v4 := v+h*v3, acc(y+h*y3, v+h*v3)
		y += h / 6 * (y1 + 2*y2 + 2*y3 + y4)
		v += h / 6 * (v1 + 2*v2 + 2*v3 + v4)
	}
	return y, v
}

var zetas = []float64{0, 0.1, 0.5, 0.9, 1 - 1e-4, 1 - 1e-9, math.Nextafter(1, 0), 1, math.Nextafter(1, 2), 1 + 1e-9, 1 + 1e-4, 1.1, 2, 10}

func TestSpring_AgreesWithRungeKutta(t *testing.T) {
	for _, zeta := range zetas {
		for _, omega := range []float64{0.5, 2 * math.Pi, 20} {
			for _, time := range []float64{1e-3, 0.016, 0.3, 2} {
				o := oscillator{omega, zeta}
				y, v := o.step(1, -3, time)
				n := 200 + int(20000*time*omega*max(1, zeta)/20)
				wantY, wantV := rk4(o, 1, -3, time, n)
				require.InDelta(t, wantY, y, 1e-9, "zeta %v omega %v t %v", zeta, omega, time)
				require.InDelta(t, wantV, v, 1e-9*max(1, omega), "speed, zeta %v omega %v t %v", zeta, omega, time)
			}
		}
	}
}

func TestSpring_OneLongStepIsManyShortOnes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, zeta := range zetas {
		o := oscillator{2 * math.Pi * 1.5, zeta}
		y, v, total := 3.0, 7.0, 0.0
		for range 1000 {
			h := rng.Float64() * 0.005
			total += h
			y, v = o.step(y, v, h)
		}
		wantY, wantV := o.step(3, 7, total)
		require.InDelta(t, wantY, y, 1e-9, "zeta %v", zeta)
		require.InDelta(t, wantV, v, 1e-8, "speed, zeta %v", zeta)
	}
}

func TestSpring_IsSmoothWhereTheCasesMeet(t *testing.T) {
	at := func(zeta float64) (float64, float64) { return oscillator{9, zeta}.step(1, 2, 0.4) }
	y1, v1 := at(1)
	for e := 1e-16; e < 1e-4; e *= 3 {
		for _, zeta := range []float64{1 - e, 1 + e} {
			y, v := at(zeta)
			// Not farther away than the derivative by zeta, some 10, allows.
			require.InDelta(t, y1, y, 20*e+1e-14, fmt.Sprint("zeta ", zeta))
			require.InDelta(t, v1, v, 200*e+1e-13, fmt.Sprint("speed, zeta ", zeta))
		}
	}
}

func TestSpring_NoStepIsTooShortOrTooLong(t *testing.T) {
	for _, zeta := range append(zetas, 1e3, 1e8) {
		o := oscillator{2 * math.Pi * 3, zeta}
		y, v := o.step(5, -2, 0)
		require.Equal(t, []float64{5, -2}, []float64{y, v}, "zeta %v", zeta)
		for _, time := range []float64{1e-300, 1e-9, 1e3, 1e9, 9.2e9} {
			y, v := o.step(5, -2, time)
			require.False(t, math.IsNaN(y+v) || math.Abs(y) > 6 || math.Abs(v) > 100, "zeta %v t %v: %v %v", zeta, time, y, v)
			if zeta >= 0.1 && zeta <= 10 && time >= 1e3 {
				require.InDelta(t, 0, math.Abs(y)+math.Abs(v), 1e-12)
			}
		}
	}
}
