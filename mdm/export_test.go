package mdm

// Guard is what a body passes before anything of it is used.
func Guard(body []byte, l Limits) error {
	doc, err := scan(body, l)
	if err != nil {
		return err
	}
	if doc.oddity != nil {
		return doc.oddity
	}
	return nil
}
