// One colour for what counted, one for what was walked and did not; both are told
// apart also by their strokes. By day they are dark enough for a light map.
import { type Look, look } from '../look'

const inks: Record<Look, Record<'counted' | 'missed' | 'gap' | 'stay' | 'visit', string>> = {
  dark: { counted: '#5fd4f4', missed: '#f0a202', gap: '#9fb3c8', stay: '#c3a5f5', visit: '#e6f0fa' },
  light: { counted: '#08769d', missed: '#a86a00', gap: '#5a6d84', stay: '#7547c2', visit: '#10243a' },
}

export const evidence = () => inks[look.value]
