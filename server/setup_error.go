package server

// SetupError says why an installation cannot be made, read, served or restored. Code is
// stable; it and Params are for the wording in other languages.
type SetupError struct {
	Code   string
	Params map[string]string
	Err    error
}

func (e *SetupError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *SetupError) Unwrap() error { return e.Err }

func badConfig(err error) error {
	return &SetupError{Code: "configuration", Params: map[string]string{"detail": err.Error()}, Err: err}
}
