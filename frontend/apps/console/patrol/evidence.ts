// One colour for what counted, one for what was walked and did not; both are told
// apart also by their strokes, and stand on a dark map by day and by night.
export const evidence = {
  counted: '#5fd4f4',
  missed: '#f0a202',
  gap: '#9fb3c8',
  stay: '#c3a5f5',
  visit: '#e6f0fa',
} as const
