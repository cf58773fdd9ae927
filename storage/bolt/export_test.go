package bolt

import (
	"os"

	"github.com/kannuki-mdm/kannuki/storage"
)

// StopSyncing makes a store that lies: it no longer brings commits to the disk.
func (s *Store) StopSyncing() { s.db.NoSync = true }

// CreateInPlace is Create with a fault: the database comes into being under its
// name.
func CreateInPlace(path string, inst storage.Instance) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return initialize(path, inst, Options{})
}

// Migrated is what OpenNext leaves in the URL of the instance.
const Migrated = "+migrated"

// OpenNext opens a database as a Kannuki would that knows one migration more.
func OpenNext(path string) (*Store, error) {
	mark := func(t *tx) error {
		inst, err := load[storage.Instance](t, bucketMeta, key(metaInstance))
		if err != nil {
			return err
		}
		inst.URL += Migrated
		return save(t, bucketMeta, key(metaInstance), inst)
	}
	return openSchema(path, Options{}, append(currentSchema(), mark))
}

// NextCopy is the name of the copy that OpenNext makes.
func NextCopy(path string) string { return copyName(path, currentSchema().version()+1) }
