package api_test

import "github.com/gridward/gridward/server/courier"

// courierProbes are the probes of messages to the outside and of printed forms.
func (w *world) courierProbes(place string) map[string]probe {
	hook := map[string]any{"org": w.org[place], "kind": "webhook", "name": "区平台", "enabled": false, "events": []string{"incident.*"}, "settings": map[string]string{"url": "https://receiver.invalid/hook"}}
	missing := []int{404}
	order := w.order[place]
	return map[string]probe{
		"GET /api/v1/incidents/{id}/print/order/{order}": {path: "/api/v1/incidents/" + w.incident[place].String() + "/print/order/" + order.String(), aimed: true, good: []int{200, 404}},
		"GET /api/v1/supervisions/{id}/print":            {path: "/api/v1/supervisions/01990000-0000-7000-8000-0000000000d1/print", good: missing},
		"GET /api/v1/channels":                           {path: "/api/v1/channels", good: []int{200}},
		"POST /api/v1/channels":                          {path: "/api/v1/channels", body: hook, aimed: true, good: []int{201}},
		"PUT /api/v1/channels/{id}":                      {path: "/api/v1/channels/999999", body: hook, good: missing},
		"DELETE /api/v1/channels/{id}":                   {path: "/api/v1/channels/999999", good: missing},
		"POST /api/v1/channels/{id}/try":                 {path: "/api/v1/channels/999999/try", good: missing},
		"GET /api/v1/deliveries":                         {path: "/api/v1/deliveries", good: []int{200}},
		"POST /api/v1/deliveries/{id}/retry":             {path: "/api/v1/deliveries/01990000-0000-7000-8000-0000000000d1/retry", good: missing},
		"GET " + courier.AckPath + "{token}":             {}, // for anyone who has the link: has a test of its own
		"POST " + courier.AckPath + "{token}":            {},
	}
}
