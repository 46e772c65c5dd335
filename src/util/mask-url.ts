/** What stands in place of a secret. */
export const MASK = "***";

/** The URL without its secrets, whole as it stands: a password may hold blanks. Text that is no URL is masked as text. */
export function maskUrl(url: string): string {
  if (WITHOUT_SCHEME.test(url)) return maskUserInfo(url, "", url);
  return maskNamedSecrets(url.replace(/^([a-z][a-z0-9+.-]*:\/\/)(.*)$/is, maskUserInfo));
}

/** Free text, such as an error message of a driver, without the secrets of the URLs, headers and settings in it. */
export function maskSecrets(text: string): string {
  return maskNamedSecrets(text.replace(/\b([a-z][a-z0-9+.-]{0,30}:\/\/)(\S+)/gi, maskUserInfo));
}

/** `user:password@host`, which no driver would take, and which ends up in its error. A file's name may hold an `@`. */
const WITHOUT_SCHEME = /^(?!(?:sqlite|file):|[a-z][a-z0-9+.-]*:\/\/)[^:@]*:.*@/is;

/** Everything between the first colon of the user's part and the `@` at its end. */
function maskUserInfo(_: string, scheme: string, rest: string): string {
  const isHttp = /^https?:/i.test(scheme);
  const end = isHttp && BEGINS_WITH_HOST.test(rest) ? 0 : Math.max(0, rest.lastIndexOf("@"));
  const user = rest.slice(0, end);
  const colon = user.indexOf(":");
  if (colon !== -1) return `${scheme}${user.slice(0, colon + 1)}${MASK}${rest.slice(end)}`;
  return `${scheme}${isHttp && end > 0 ? MASK : user}${rest.slice(end)}`;
}

/** Web addresses have an `@` in other places too. Elsewhere the last one ends the user's part: better to show too little of a URL than a part of a password. */
const BEGINS_WITH_HOST = /^[\w.-]+(?::\d+)?(?:[/?#]|$)/;

/** `password=…`, `"api_key": "…"` and `Authorization: Bearer …`, in a query string or anywhere else. */
function maskNamedSecrets(text: string): string {
  return text
    .replace(SECRET_BY_NAME, (_, name: string, value: string) => `${name}${value.replace(/[^"']+/, MASK)}`)
    .replace(/\b(Bearer|Basic) +[\w.~+/=-]{8,}/g, `$1 ${MASK}`);
}

const SECRET_BY_NAME =
  /((?:passw(?:or)?d|passphrase|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|token|credentials?|signature|(?:api|access|private|account)[_-]?key)["']? {0,2}[=:] {0,2})("[^"]*"|'[^']*'|[^\s&;,#"'})\]]+)/gi;
