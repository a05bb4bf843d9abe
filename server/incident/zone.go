package incident

import "time"

// BusinessZone is where 当天 begins and ends: all of China keeps one time,
// without daylight saving, so no zone file is needed.
func BusinessZone() *time.Location { return time.FixedZone("Asia/Shanghai", 8*60*60) }
