// Naive UI in the wall's colours, by night and by day.

import { locale } from '@core/i18n/t'
import { dateEnUS, dateZhCN, enUS, type GlobalThemeOverrides, zhCN } from 'naive-ui'
import type { Look } from './look'

interface Tones {
  ink: string
  ink2: string
  ink3: string
  accent: string
  accentHover: string
  accentPressed: string
  onAccent: string
  info: string
  good: string
  warn: string
  bad: string
  badHover: string
  badPressed: string
  ground: string
  card: string
  raised: string
  popover: string
  field: string
  fieldOff: string
  line: string
  hair: string
  hover: string
}

const tones: Record<Look, Tones> = {
  dark: {
    ink: '#e6f0fa',
    ink2: '#cbdbeb',
    ink3: '#8ba4bf',
    accent: '#5fd4f4',
    accentHover: '#86e1f8',
    accentPressed: '#3fbfe2',
    onAccent: '#04121f',
    info: '#56b4e9',
    good: '#2fbf8f',
    warn: '#f0a202',
    bad: '#ff6b4a',
    badHover: '#ff8a6e',
    badPressed: '#e5573a',
    ground: '#050d1a',
    card: '#0a1a30',
    raised: '#0c1e36',
    popover: '#12294a',
    field: 'rgba(122, 176, 224, 0.07)',
    fieldOff: 'rgba(122, 176, 224, 0.03)',
    line: 'rgba(122, 176, 224, 0.24)',
    hair: 'rgba(122, 176, 224, 0.16)',
    hover: 'rgba(122, 176, 224, 0.1)',
  },
  light: {
    ink: '#10243a',
    ink2: '#2b455f',
    ink3: '#5a728a',
    accent: '#08769d',
    accentHover: '#0b8ab7',
    accentPressed: '#066284',
    onAccent: '#ffffff',
    info: '#1f74ad',
    good: '#16805c',
    warn: '#a36a00',
    bad: '#c8401f',
    badHover: '#dd5735',
    badPressed: '#a93316',
    ground: '#eef3f8',
    card: '#ffffff',
    raised: '#ffffff',
    popover: '#ffffff',
    field: '#ffffff',
    fieldOff: '#f1f5f9',
    line: 'rgba(20, 60, 100, 0.26)',
    hair: 'rgba(20, 60, 100, 0.14)',
    hover: 'rgba(20, 80, 130, 0.07)',
  },
}

function dressed(c: Tones): GlobalThemeOverrides {
  return {
    common: {
      fontFamily: 'var(--font)',
      fontSize: '14px',
      borderRadius: '4px',
      primaryColor: c.accent,
      primaryColorHover: c.accentHover,
      primaryColorPressed: c.accentPressed,
      primaryColorSuppl: c.accent,
      infoColor: c.info,
      successColor: c.good,
      warningColor: c.warn,
      errorColor: c.bad,
      errorColorHover: c.badHover,
      errorColorPressed: c.badPressed,
      errorColorSuppl: c.bad,
      bodyColor: c.ground,
      cardColor: c.card,
      modalColor: c.raised,
      popoverColor: c.popover,
      tableColor: c.card,
      inputColor: c.field,
      inputColorDisabled: c.fieldOff,
      actionColor: c.raised,
      hoverColor: c.hover,
      borderColor: c.line,
      dividerColor: c.hair,
      textColorBase: c.ink,
      textColor1: c.ink,
      textColor2: c.ink2,
      textColor3: c.ink3,
      placeholderColor: c.ink3,
      iconColor: c.ink3,
    },
    Button: {
      textColorPrimary: c.onAccent,
      textColorHoverPrimary: c.onAccent,
      textColorPressedPrimary: c.onAccent,
      textColorFocusPrimary: c.onAccent,
      textColorDisabledPrimary: c.onAccent,
    },
    Input: { border: `1px solid ${c.line}`, colorFocus: c.field },
    InternalSelection: { border: `1px solid ${c.line}`, color: c.field, colorActive: c.field },
    Drawer: { color: c.card },
  }
}

export const overrides: Record<Look, GlobalThemeOverrides> = {
  dark: dressed(tones.dark),
  light: dressed(tones.light),
}

export const kitLocale = () => (locale() === 'en' ? enUS : zhCN)
export const kitDates = () => (locale() === 'en' ? dateEnUS : dateZhCN)
