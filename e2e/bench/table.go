package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// table collects rows until all has been measured.
type table struct {
	notes []string
	rows  []row
}

// row is a figure of ours beside others; empty cells are printed as a dash.
type row struct{ what, ours, python, aim string }

func (t *table) note(text string) { t.notes = append(t.notes, text) }

func (t *table) add(r row) { t.rows = append(t.rows, r) }

func (t *table) print(to io.Writer) error {
	for _, n := range t.notes {
		if _, err := fmt.Fprintln(to, n); err != nil {
			return err
		}
	}
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nmeasured\tdocker prefect\tPython 1.4.1\taim\t\n")
	for _, r := range t.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", r.what, dash(r.ours), dash(r.python), dash(r.aim))
	}
	return w.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func median[T ~int64 | ~float64](values []T) T {
	return quantile(values, 0.5)
}

// quantile is the nearest-rank one.
func quantile[T ~int64 | ~float64](values []T, q float64) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1000) }

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
