package main

import (
	"cmp"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/internal/policyfile"
)

// settingsFault says what is wrong with a file of settings, where, and what was
// expected.
func settingsFault(t *lang.Printer, e *policyfile.Error) string {
	at := policyfile.Place{File: e.File, Line: e.Line}.String() + ": "
	key := cmp.Or(e.Key, t.T("top of the file"))
	switch e.Code {
	case policyfile.CodeEmpty:
		return at + t.T("no .yaml or .yml file is in this folder")
	case policyfile.CodeLink:
		return at + t.T("a link to a folder is not followed; name the folder itself, or copy it")
	case policyfile.CodeNoFile:
		return at + t.T("this is no file; take it out of the folder")
	case policyfile.CodeTooLarge:
		return at + t.T("the file is larger than %s bytes", e.Want)
	case policyfile.CodeTooDeep:
		return at + t.T("more than %s brackets or blocks are open at once", e.Want)
	case policyfile.CodeNotText:
		return at + t.T("the file is not UTF-8")
	case policyfile.CodeTab:
		return at + t.T("a tab; YAML is indented with spaces")
	case policyfile.CodeNotYAML:
		return at + t.T("not YAML (%s)", e.Got)
	case policyfile.CodeDocuments:
		return at + t.T("a second YAML document begins; want one in a file")
	case policyfile.CodeUnsupported:
		return at + t.T("%s: anchors, aliases, tags and keys that are no text are not taken; write the value itself", key)
	case policyfile.CodeUnknownKey:
		return at + t.T("%s: there is no key %q; want one of %s", key, e.Got, e.Want)
	case policyfile.CodeDuplicateKey:
		return at + t.T("%s: the key stands twice, first in line %s", key, e.Want)
	case policyfile.CodeWrongType:
		return at + t.T("%s: want %s", key, wantedType(t, e.Want))
	default:
		return e.Error()
	}
}

func wantedType(t *lang.Printer, want string) string {
	switch want {
	case policyfile.WantInteger:
		return t.T("a whole number")
	case policyfile.WantNumber:
		return t.T("a number")
	case policyfile.WantBoolean:
		return t.T("true or false")
	case policyfile.WantList:
		return t.T("a list (lines that begin with \"- \", or [a, b])")
	case policyfile.WantShare:
		return t.T("a share such as 25%% or a number of phones such as 20")
	case policyfile.WantKeys:
		return t.T("keys with values")
	default:
		return t.T("a text (in quotes if it looks like a number, or is empty)")
	}
}
