package bolt_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

const (
	bytesVariable = "KANNUKI_BOLT_BYTES" // the size of a body that each write of outlastFullDisk brings
	fullVerb      = "full"               // "full NAME" begins an act that must find no room
	openName      = "open"               // begins the life of the store that endWithDisk uses

	storyLimit = time.Minute // far above the seconds a story takes
)

// newStory returns the story of a new database in dir, which ends the process
// with all its stacks when it takes too long.
func newStory(dir string) (*story, error) {
	time.AfterFunc(storyLimit, func() { panic("the story does not end") })
	s := &story{dir: dir}
	path := filepath.Join(dir, databaseName)
	err := s.act("create", func() error { return bolt.Create(path, storage.Instance{ID: "test"}, bolt.Options{}) })
	if err != nil {
		return nil, err
	}
	s.store, err = bolt.Open(path, bolt.Options{})
	return s, err
}

// outlastFullDisk uses a store whose disk is full for some acts and has room
// again after each, without opening it anew.
func outlastFullDisk(dir string) error {
	s, err := newStory(dir)
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(os.Getenv(bytesVariable))
	if err != nil {
		return err
	}
	write := func(name string) func() error {
		return func() error {
			command := storage.Command{UUID: uuid(name), RequestType: "DeviceInformation", Body: noise(name, size), CreatedAt: start}
			_, err := s.store.Enqueue(context.Background(), storage.DefaultSegment, []string{udid(0)}, []storage.Command{command}, append(told(name), told(name)...))
			return err
		}
	}
	if err := s.round(0); err != nil {
		return err
	}
	for try := range 3 {
		for again := range 3 {
			name := fmt.Sprintf("audit without-room-%d-%d", try, again)
			say(fullVerb, name)
			if err := write(name)(); !errors.Is(err, storage.ErrFull) {
				return fmt.Errorf("%s: got error %w, want ErrFull", name, err)
			}
			if _, err := s.store.World(context.Background(), storage.DefaultSegment); err != nil {
				return fmt.Errorf("read on a full disk: %w", err)
			}
		}
		name := "audit with-room-" + strconv.Itoa(try)
		if err := s.act(name, write(name)); err != nil {
			return err
		}
	}
	return s.store.Close()
}

// endWithDisk uses a store from several sides at once until its disk breaks,
// and wants it to end then.
func endWithDisk(dir string) error {
	s, err := newStory(dir)
	if err != nil {
		return err
	}
	say("begin", openName)
	if err := s.together(); err == nil || errors.Is(err, storage.ErrFull) {
		return fmt.Errorf("got error %w, want one that is not ErrFull", err)
	}
	name := "audit later"
	say("begin", name)
	if err := s.audit(name)(); err == nil || !strings.Contains(err.Error(), "opened again") {
		return fmt.Errorf("a later write: got error %w, want a refusal", err)
	}
	if err := s.store.WaitFailure(context.Background()); err == nil {
		return errors.New("the owner was not told")
	}
	return s.store.Close()
}

// noise returns bytes that do not get smaller when packed, others for each name.
func noise(name string, n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(data) // never fails
	return data
}
