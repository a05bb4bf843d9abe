// How a person on duty is drawn. Presence is told by shape and by colour:
//   online  a disc, with a beak where the heading is known
//   idle    a ring around a dot: here, and staying
//   stale   a broken ring
//   offline a small cross
//   SOS     a large disc with an exclamation mark and an expanding ring
// A vehicle is a square where a person is round. What grows old fades to grey.

export const vertexShader = `#version 300 es
layout(location=0) in vec4 a_path;   // from.xy, to.xy
layout(location=1) in vec2 a_time;   // start, duration
layout(location=2) in uvec4 a_look;  // presence, flags, heading, age code
uniform mat4 u_matrix;
uniform float u_now, u_size;
uniform int u_pass;                  // 0 = everybody, 1 = on top: SOS and the selected
uniform float u_old;                 // 1 = the link is lost: everything is old
flat out int v_presence;
flat out int v_flags;
flat out vec2 v_heading;
flat out float v_grey;
flat out float v_pixel;
void main() {
  int presence = int(a_look.x), flags = int(a_look.y);
  bool top = presence == 4 || (flags & 8) != 0;
  if (top != (u_pass == 1)) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); gl_PointSize = 1.0; return; }
  float k = a_time.y > 0.0 ? clamp((u_now - a_time.x) / a_time.y, 0.0, 1.0) : 1.0;
  gl_Position = u_matrix * vec4(mix(a_path.xy, a_path.zw, k), 0.0, 1.0);
  float scale = presence == 4 ? 2.3 : presence == 0 ? 0.72 : presence == 1 ? 0.9 : 1.0;
  if ((flags & 8) != 0) scale = max(scale, 1.0) * 1.5;
  gl_PointSize = u_size * scale;
  float age = exp2(float(a_look.w) / 16.0) - 1.0 + u_now - a_time.x;
  v_grey = presence == 4 ? 0.0 : max(u_old, smoothstep(90.0, 900.0, age) * 0.85);
  v_presence = presence;
  v_flags = flags;
  float h = float(a_look.z) / 256.0 * 6.2831853;
  v_heading = vec2(sin(h), cos(h));
  v_pixel = 2.0 / gl_PointSize;
}`

export const fragmentShader = `#version 300 es
precision mediump float;
flat in int v_presence;
flat in int v_flags;
flat in vec2 v_heading;
flat in float v_grey;
flat in float v_pixel;
uniform vec3 u_colours[5];
uniform float u_pulse;
uniform float u_faded;               // alpha of what a filter has dimmed
out vec4 o;

const vec3 night = vec3(0.012, 0.035, 0.075);

float cover(float d) { return 1.0 - smoothstep(-v_pixel, v_pixel, d); }

void main() {
  vec2 q = gl_PointCoord * 2.0 - 1.0;
  if ((v_flags & 8) != 0) q *= 1.5;
  if (v_presence == 4) q *= 1.15;
  float body = (v_flags & 2) != 0 ? max(abs(q.x), abs(q.y)) : length(q);
  vec3 colour = mix(u_colours[v_presence], u_colours[0] * 0.8, v_grey);
  float ink = 0.0, dark = 0.0;
  float shine = 0.0;
  if (v_presence == 3) {
    float d = body - 0.44;
    if ((v_flags & 1) != 0) {
      // turn so that the heading points to -y
      vec2 r = vec2(q.x * v_heading.y + q.y * v_heading.x, -q.x * v_heading.x + q.y * v_heading.y);
      float along = (-r.y - 0.20) / 0.72;
      float beak = max(abs(r.x) - 0.40 * (1.0 - along), max(-along, along - 1.0) * 0.5);
      d = min(d, beak);
    }
    ink = cover(d);
    dark = cover(d - 0.14);
    shine = cover(length(q) - 0.17) * 0.85;
  } else if (v_presence == 2) {
    float ring = abs(body - 0.42) - 0.11;
    ink = max(cover(ring), cover(length(q) - 0.17));
    dark = cover(body - 0.66);
  } else if (v_presence == 1) {
    float a = abs(fract(atan(q.y, q.x) / 6.2831853 * 4.0) - 0.5);
    ink = cover(abs(body - 0.42) - 0.12) * smoothstep(0.10, 0.16, a);
    dark = cover(body - 0.66) * 0.75;
  } else if (v_presence == 4) {
    ink = cover(body - 0.40);
    dark = cover(body - 0.46);
    float bar = max(abs(q.x) - 0.06, max(-0.24 - q.y, q.y - 0.06));
    shine = max(cover(bar), cover(length(q - vec2(0.0, 0.20)) - 0.075));
    float wave = abs(body - mix(0.42, 1.05, u_pulse)) - 0.05;
    float ring = cover(wave) * (1.0 - u_pulse);
    ink = max(ink, ring);
    dark = max(dark, ring);
  } else {
    vec2 r = vec2(q.x + q.y, q.x - q.y) * 0.7071;
    float cross = min(max(abs(r.x) - 0.12, abs(r.y) - 0.5), max(abs(r.y) - 0.12, abs(r.x) - 0.5));
    ink = cover(cross) * 0.85;
    dark = cover(cross - 0.13) * 0.7;
  }
  vec3 c = mix(night, colour, ink);
  c = mix(c, vec3(1.0), shine * (1.0 - v_grey * 0.6));
  float a = max(dark * 0.85, ink);
  if ((v_flags & 8) != 0) {
    float halo = cover(abs(length(q) - 1.22) - 0.09);
    c = mix(c, vec3(0.37, 0.83, 0.96), halo);
    a = max(a, halo);
  }
  if ((v_flags & 16) != 0) a *= u_faded;
  if (a <= 0.004) discard;
  o = vec4(c * a, a);
}`
