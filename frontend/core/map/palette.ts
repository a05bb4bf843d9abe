// The night map. The ground is quiet so that people and cases are not; every
// tone keeps its distance from the panels' navy.
export const palette = {
  ground: '#0a1a30',
  residential: '#0c1f38',
  school: '#0f2440',
  industrial: '#0d1f36',
  green: '#0c2733',
  water: '#0a2b4c',
  building: '#142c4a',
  buildingEdge: '#1d3a5e',
  roadCase: '#071426',
  roadMinor: '#1a3455',
  roadMiddle: '#234267',
  roadMajor: '#2a4a70',
  motorway: '#345880',
  path: '#1b3556',
  label: '#9db8d4',
  labelQuiet: '#7d9aba',
  labelWater: '#5b97c7',
  halo: '#081629',
  grid: '#3d7fb5',
  gridStrong: '#7cc7ec',
  community: '#5aa7d6',
  ink: '#e6f0fa',
} as const

export const fonts = ['Gridward Sans', 'Noto Sans CJK SC', 'Noto Sans SC', 'Microsoft YaHei', 'sans-serif']
