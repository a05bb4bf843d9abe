// Naive UI in the wall's colours.

import { locale } from '@core/i18n/t'
import { dateEnUS, dateZhCN, enUS, type GlobalThemeOverrides, zhCN } from 'naive-ui'

const ink = '#e6f0fa'
const cyan = '#5fd4f4'
const field = 'rgba(122, 176, 224, 0.07)'
const line = 'rgba(122, 176, 224, 0.24)'

export const overrides: GlobalThemeOverrides = {
  common: {
    fontFamily: 'var(--font)',
    fontSize: '14px',
    borderRadius: '4px',
    primaryColor: cyan,
    primaryColorHover: '#86e1f8',
    primaryColorPressed: '#3fbfe2',
    primaryColorSuppl: cyan,
    infoColor: '#56b4e9',
    successColor: '#2fbf8f',
    warningColor: '#f0a202',
    errorColor: '#ff6b4a',
    errorColorHover: '#ff8a6e',
    errorColorPressed: '#e5573a',
    errorColorSuppl: '#ff6b4a',
    bodyColor: '#050d1a',
    cardColor: '#0a1a30',
    modalColor: '#0c1e36',
    popoverColor: '#12294a',
    tableColor: '#081629',
    inputColor: field,
    inputColorDisabled: 'rgba(122, 176, 224, 0.03)',
    actionColor: '#0c1e36',
    hoverColor: 'rgba(122, 176, 224, 0.1)',
    borderColor: line,
    dividerColor: 'rgba(122, 176, 224, 0.16)',
    textColorBase: ink,
    textColor1: ink,
    textColor2: '#cbdbeb',
    textColor3: '#8ba4bf',
    placeholderColor: '#7f99b5',
    iconColor: '#8ba4bf',
  },
  Button: {
    textColorPrimary: '#04121f',
    textColorHoverPrimary: '#04121f',
    textColorPressedPrimary: '#04121f',
    textColorFocusPrimary: '#04121f',
    textColorDisabledPrimary: '#04121f',
  },
  Input: { border: `1px solid ${line}`, colorFocus: field },
  InternalSelection: { border: `1px solid ${line}`, color: field, colorActive: field },
  Drawer: { color: '#0a1a30' },
}

export const kitLocale = () => (locale() === 'en' ? enUS : zhCN)
export const kitDates = () => (locale() === 'en' ? dateEnUS : dateZhCN)
