package mdmtest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
)

// september offers one release to every model.
type september struct{}

func (september) Offered(string, time.Time) []mdmtest.Offer {
	return []mdmtest.Offer{{
		Version: "27.0", Build: "24A100", Posted: time.Date(2026, 9, 15, 17, 0, 0, 0, time.UTC),
		DownloadTime: time.Hour, InstallTime: 30 * time.Minute,
	}}
}

// An unmanaged phone whose user takes every update the day it appears.
func ExampleNew() {
	now := time.Date(2026, 9, 16, 8, 0, 0, 0, time.UTC)
	phone, err := mdmtest.New(mdmtest.Options{
		ProductName: "iPhone15,2", OSVersion: "26.6", Build: "23G80",
		Now: func() time.Time { return now }, Apple: september{},
		User: mdmtest.User{TapsInstall: 2 * time.Hour},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 5 {
		if err := phone.Step(context.Background()); err != nil {
			fmt.Println(err)
			return
		}
		s := phone.Snapshot()
		fmt.Println(now.Format("15:04"), s.OSVersion, s.InstallState)
		now = phone.NextStep()
	}
	// Output:
	// 08:00 26.6 none
	// 10:00 26.6 downloading
	// 11:00 26.6 installing
	// 11:30 27.0 none
	// 11:30 27.0 none
}
