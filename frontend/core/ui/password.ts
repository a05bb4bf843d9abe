// The same rules as the server's, so that somebody may read what is wrong before sending.

export type PasswordFault = 'short' | 'long' | 'kinds' | 'login'

export const shortestPassword = 10
export const longestPassword = 128

export function passwordFault(login: string, password: string): PasswordFault | null {
  const length = [...password].length
  if (length < shortestPassword) return 'short'
  if (length > longestPassword) return 'long'
  const kinds = [/[A-Z]/, /[a-z]/, /[0-9]/, /[^A-Za-z0-9]/].filter(kind => kind.test(password)).length
  if (kinds < 3) return 'kinds'
  if (login.length >= 3 && password.toLowerCase().includes(login.toLowerCase())) return 'login'
  return null
}
