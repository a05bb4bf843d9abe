// The two maps: by night for the room, by day for the office. The ground is quiet
// so that people, cases and trails are not; by night every tone keeps its distance
// from the panels' navy.
export type Light = 'dark' | 'light'

export interface Palette {
  ground: string
  residential: string
  school: string
  industrial: string
  green: string
  water: string
  building: string
  buildingEdge: string
  roadCase: string
  roadMinor: string
  roadMiddle: string
  roadMajor: string
  motorway: string
  path: string
  label: string
  labelQuiet: string
  labelWater: string
  halo: string
  grid: string
  gridStrong: string
  community: string
  ink: string
  /** Under a line or around a mark, so that it stands off the ground. */
  casing: string
  /** Inside a mark that is only an outline. */
  hollow: string
}

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
  casing: '#04101d',
  hollow: '#081629',
} as const satisfies Palette

export const palettes: Record<Light, Palette> = {
  dark: palette,
  light: {
    ground: '#e9eef4',
    residential: '#e3e9f1',
    school: '#e0e5f1',
    industrial: '#e2e6ec',
    green: '#d9e7d8',
    water: '#c3dbee',
    building: '#d6dee8',
    buildingEdge: '#c2cdda',
    roadCase: '#ccd6e1',
    roadMinor: '#ffffff',
    roadMiddle: '#ffffff',
    roadMajor: '#ffffff',
    motorway: '#fbf4e6',
    path: '#cfd9e4',
    label: '#36506c',
    labelQuiet: '#5d768f',
    labelWater: '#34719f',
    halo: '#ffffff',
    grid: '#7f9fbd',
    gridStrong: '#1f74ad',
    community: '#5586b0',
    ink: '#10243a',
    casing: '#ffffff',
    hollow: '#ffffff',
  },
}

export const fonts = ['Gridward Sans', 'Noto Sans CJK SC', 'Noto Sans SC', 'Microsoft YaHei', 'sans-serif']
