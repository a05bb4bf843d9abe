package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// printed is a case of 东湖 that was dispatched, fed back and is supervised, with
// texts that try to be markup.
func printed(t *testing.T) (w *world, inc incident.Incident, order, supervision uuid.UUID) {
	t.Helper()
	w = newWorld(t)
	w.giveOrders()
	ctx := t.Context()
	inc, err := postgres.IncidentByID(ctx, w.db.Pool, w.incident["东湖"])
	if err != nil {
		t.Fatal(err)
	}
	order = w.order["东湖"]
	if _, err := w.desk.ActOnOrder(ctx, w.principal("grid_worker1"), order, 0, incident.Sign, incident.Deed{}); err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE incident SET title = '井盖<script>alert(1)</script>缺失', description = '来电人 <b>13800138000</b> 反映', reporter_name = '王丽', reporter_phone = '13800138000', category = '02', tier = 2, urgency = 'urgent',
		severity = 3, case_due = now() - interval '50 hours', case_from = '三级默认 · 规则 7', drill = true WHERE id = $1`, inc.ID)
	w.exec(`UPDATE dispatch_order SET requirement = '立即<img src=x onerror=alert(1)>围挡', handle_due = '2026-11-27T09:00:00Z' WHERE id = $1`, order)
	w.exec(`INSERT INTO feedback (id, incident_id, order_id, at, by_name, result, text, measures) VALUES ($1, $2, $3, now(), '赵一', 'solved', '已更换井盖', '围挡')`, uuid.New(), inc.ID, order)
	supervision = uuid.New()
	w.exec(`INSERT INTO supervision (id, incident_id, order_id, kind, level, by_name, at, requirement, reply_due) VALUES ($1, $2, $3, 'supervise', 'yellow', '李指挥', now(), '两日内整改<到位>', '2026-11-28T09:00:00Z')`, supervision, inc.ID, order)
	return w, inc, order, supervision
}

func TestThePrintedForms(t *testing.T) {
	t.Parallel()
	w, inc, order, supervision := printed(t)
	orderPath, supervisionPath := "/api/v1/incidents/"+inc.ID.String()+"/print/order/"+order.String(), "/api/v1/supervisions/"+supervision.String()+"/print"
	for path, c := range map[string]struct{ says []string }{
		orderPath: {[]string{"明湖街道综合指挥室", "事件交办单", inc.CaseNo + "-01", "井盖&lt;script&gt;alert(1)&lt;/script&gt;缺失", "来电人 &lt;b&gt;13800138000&lt;/b&gt; 反映", "王丽", "公共安全", "二级（村社区）", "紧急", "Ⅲ级（较大）",
			"东湖社区", "东湖第一网格", "立即&lt;img src=x onerror=alert(1)&gt;围挡", "2026年11月27日 17:00", "三级默认 · 规则 7", "由 孙grid_worker 在平台签收", "已解决", "已更换井盖", "采取措施：围挡", "主办（第 1 号任务）", "演练",
			"签收人（签字）", "承办人（签字）", "负责人（签字、盖章）", "核查人（签字）", "打印人：孙station（station1）", "处置中，事件处置中"}},
		supervisionPath: {[]string{"明湖街道综合指挥室", "督办单", inc.CaseNo + "-督01", "黄牌督办", "东湖社区 赵一", "两日内整改&lt;到位&gt;", "2026年11月28日 17:00", "李指挥", "已逾期 2 天 2 小时", "指挥长（签字、盖章）", "打印人：孙station（station1）"}},
	} {
		code, body, head := w.call("station1", "GET", path, nil)
		if code != 200 || !strings.HasPrefix(head.Get("Content-Type"), "text/html") {
			t.Fatalf("%s: %d %s", path, code, body)
		}
		for _, text := range c.says {
			if !strings.Contains(body, text) {
				t.Errorf("%s does not say %q", path, text)
			}
		}
		if strings.Contains(body, "<script") || strings.Contains(body, "<img src=x") || strings.Contains(body, "ZgotmplZ") {
			t.Errorf("%s has markup of a caller", path)
		}
		style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(body)
		if style == nil {
			t.Fatalf("%s has no style", path)
		}
		sum := sha256.Sum256([]byte(style[1]))
		if policy := head.Get("Content-Security-Policy"); !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || strings.Contains(policy, "script-src") || !strings.HasPrefix(policy, "default-src 'none';") {
			t.Errorf("%s: the policy does not fit the style: %s", path, policy)
		}
	}
	var audits string
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT string_agg(actor || ' ' || action || ' ' || object, ';') FROM audit WHERE action LIKE '%.printed'`).Scan(&audits); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"station1 order.printed " + inc.CaseNo + "-01", "station1 supervision.printed " + inc.CaseNo + "-督01"} {
		if !strings.Contains(audits, row) {
			t.Errorf("the audit has no %q: %s", row, audits)
		}
	}
}

// A form is for whoever sees the case, with the people whom he may see; for
// everybody else there is none.
func TestWhoMayPrint(t *testing.T) {
	t.Parallel()
	w, inc, order, supervision := printed(t)
	paths := []string{"/api/v1/incidents/" + inc.ID.String() + "/print/order/" + order.String(), "/api/v1/supervisions/" + supervision.String() + "/print"}
	for _, path := range paths {
		for _, role := range access.Roles() {
			if role == access.KioskRole {
				continue
			}
			if code, body, _ := w.call(string(role)+"2", "GET", path, nil); code != 404 {
				t.Errorf("%s as %s of the neighbour: %d %.80s", path, role, code, body)
			}
			want := 404
			if may("see_map", role) || role == access.GridWorker {
				want = 200
			}
			code, body, _ := w.call(string(role)+"1", "GET", path, nil)
			if code != want {
				t.Errorf("%s as %s: %d %.80s", path, role, code, body)
			}
			for _, secret := range []string{"王丽", "13800138000"} {
				if code == 200 && !may("see_people", role) && role != access.GridWorker && strings.Contains(body, secret) { // the worker reported it
					t.Errorf("%s as %s tells of %s", path, role, secret)
				}
			}
		}
		if code, _, _ := w.call("", "GET", path, nil); code != 401 {
			t.Errorf("%s as nobody: %d", path, code)
		}
	}
	for _, path := range []string{"/api/v1/incidents/" + inc.ID.String() + "/print/order/" + uuid.NewString(), "/api/v1/incidents/" + w.incident["西山"].String() + "/print/order/" + order.String(), "/api/v1/supervisions/x/print"} {
		if code, _, _ := w.call("street-commander1", "GET", path, nil); code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
}
