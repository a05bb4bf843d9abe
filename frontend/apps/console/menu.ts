// The menu: the places an account may go to, in groups that fold. What is folded
// stays so on this machine; the group of the page one goes to opens by itself.
import { type Group, groups, type Place, places } from './places'

export interface Section {
  group: Group
  places: Place[]
}

/** More than this does not fit under each other: what is set up once a year begins folded. */
const fits = 26
const seldom: readonly Group[] = ['rules', 'system']
const key = 'gridward.menu.folded'

export function sections(allowed: (place: Place) => boolean): Section[] {
  return groups
    .map(group => ({ group, places: places.filter(one => one.group === group && !one.under && allowed(one)) }))
    .filter(one => one.places.length > 0)
}

/** The groups that are folded before anybody chose. */
export function foldedAtFirst(menu: readonly Section[]): Group[] {
  const all = menu.reduce((sum, one) => sum + one.places.length, 0)
  return all > fits ? menu.map(one => one.group).filter(group => seldom.includes(group)) : []
}

/** The places whose name, or the name of whose group, has what was typed. */
export function matching(menu: readonly Section[], typed: string, name: (one: Place | Group) => string): Section[] {
  const wanted = typed.trim().toLowerCase()
  const has = (text: string): boolean => text.toLowerCase().includes(wanted)
  return menu
    .map(one => ({ ...one, places: has(name(one.group)) ? one.places : one.places.filter(place => has(name(place))) }))
    .filter(one => one.places.length > 0)
}

export function rememberedFolds(): Group[] | null {
  try {
    const text = localStorage.getItem(key)
    return text === null ? null : groups.filter(group => text.split(',').includes(group))
  } catch {
    return null // storage forbidden
  }
}

export function rememberFolds(folded: readonly Group[]): void {
  try {
    localStorage.setItem(key, folded.join(','))
  } catch {
    // forgotten at the next start
  }
}
