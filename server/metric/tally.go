package metric

// Tally is what a case counts for, one bit each: the column incident.tally.
type Tally int32

const (
	Counted       Tally = 1 << iota // neither drill nor mere information nor void
	Filed                           // 立案: accepted, or handled at once
	FiledTimed                      // accepted, and there was a limit to it
	FiledOnTime                     // accepted within it
	NotAdmitted                     // 不予受理
	Joined                          // 并案
	Sent                            // 派遣
	SentBack                        // 退回, at least once
	SelfHandled                     // 自行处置, in tier 1
	Handled                         // 处置: fed back
	HandledOnTime                   // fed back within the handler's limit
	Deferred                        // 缓办: 挂账 now
	Done                            // 结案
	DoneOnTime                      // closed within the limit, extended or not
	DoneLate                        // closed after it
	Checked                         // 核查
	Reworked                        // 返工, at least once
	Forced                          // 强制结案
	TierOne
	TierTwo
	Rated         // evaluated by somebody: a default is no evaluation
	VerySatisfied // 非常满意
	Satisfied     // 满意
	JustSatisfied // 基本满意
	Dissatisfied  // 不满意, 非常不满意
	Extended      // 延期
	Supervised    // 督办
	Again         // reopened from a closed case
	AcceptKnown   // how long the acceptance took is known
	HandleKnown   // how long it was handled is known
	SetRight      // 整改: filed anew, or a formal demand about it answered
)
