package main

import (
	"testing"

	"gotest.tools/v3/assert"
)

func draw(i *injector, who string, n int) (list []fault) {
	for range n {
		f, _ := i.next(apiSide, who, opLogs, apiRates)
		list = append(list, f)
	}
	return list
}

func TestFaultsOfARequestDoNotDependOnOthers(t *testing.T) {
	alone, amid := newInjector(newDice(3)), newInjector(newDice(3))
	alone.enable(true)
	amid.enable(true)
	want := draw(alone, "a", 200)
	var got []fault
	for range 20 {
		draw(amid, "b", 7)
		got = append(got, draw(amid, "a", 10)...)
	}
	assert.DeepEqual(t, got, want)
	other := newInjector(newDice(4))
	other.enable(true)
	assert.Assert(t, !equal(draw(other, "a", 200), want))
}

func equal(a, b []fault) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestEveryFaultHappensAboutAsOftenAsItShould(t *testing.T) {
	i := newInjector(newDice(1))
	assert.DeepEqual(t, draw(i, "a", 3), []fault{none, none, none}) // not enabled
	i.enable(true)
	const n = 20000
	count := map[fault]int{}
	for _, f := range draw(i, "a", n) {
		count[f]++
	}
	for _, rate := range apiRates {
		got := float64(count[rate.fault]) * 1000 / n
		assert.Assert(t, got > float64(rate.permille)*0.6 && got < float64(rate.permille)*1.6, "%s: %.1f per mille, not %d", rate.fault, got, rate.permille)
	}
	total := 0
	for _, c := range i.injected() {
		total += c.count
	}
	assert.Equal(t, total, n-count[none])
}
