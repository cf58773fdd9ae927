package server

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

func TestDiskIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var space Space
	var fault error
	s := &Server{o: Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Space: func(string) (Space, error) { return space, fault }}}
	state := api.DiskOK
	for i, step := range []struct {
		free  uint64 // GiB
		fault error
		want  string
	}{
		{50, nil, ""},
		{1, nil, "level=WARN"},
		{1, nil, ""},
		{0, nil, "level=ERROR"},
		{0, nil, ""},
		{0, errors.New("gone"), "level=WARN"},
		{50, nil, "level=INFO"},
		{50, nil, ""},
	} {
		log.Reset()
		space, fault = Space{Total: 100 << 30, Free: step.free << 30}, step.fault
		state = s.noteDisk(t.Context(), state)
		if got := log.String(); (got == "") != (step.want == "") || !strings.Contains(got, step.want) {
			t.Errorf("step %d: logged %q, want %q", i, got, step.want)
		}
	}
}

func TestFullDiskAsksPhonesToComeBack(t *testing.T) {
	t.Parallel()
	full := fmt.Errorf("update phone: %w", storage.ErrFull)
	if err := unavailable(full); !errors.Is(err, mdm.ErrUnavailable) || !errors.Is(err, storage.ErrFull) {
		t.Errorf("a full disk: %v", err)
	}
	if other := errors.New("other"); !errors.Is(unavailable(other), other) || errors.Is(unavailable(other), mdm.ErrUnavailable) || unavailable(nil) != nil {
		t.Error("other errors are changed")
	}
}

func TestDoctorSeesTheDisk(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		free  uint64 // GiB
		grade Grade
	}{{50, GradeOK}, {1, GradeWarn}, {0, GradeFail}} {
		d := diagnosis{DiagnoseOptions: DiagnoseOptions{
			Text: lang.New("en"), Space: func(string) (Space, error) { return Space{Total: 100 << 30, Free: test.free << 30}, nil },
		}}
		d.disk()
		if got := d.findings[0]; got.Grade != test.grade || (got.Fix == "") != (test.grade == GradeOK) {
			t.Errorf("with %d GiB: %+v, want %s", test.free, got, test.grade)
		}
	}
}
