/** The few ways in which the views touch the document. Names and values only ever become text. */

/** The element of the page with this id; a page without it is broken. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found as T
}

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className = '',
  text = '',
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  if (className !== '') made.className = className
  if (text !== '') made.textContent = text
  return made
}

/** Writes only where something else stands: a write costs a layout. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text
}

/** Sets or takes off a data attribute. */
export function setData(target: HTMLElement, name: string, value: string | null): void {
  if (value === null) delete target.dataset[name]
  else if (target.dataset[name] !== value) target.dataset[name] = value
}

/** The radio buttons of a fieldset: calls with the value that is chosen; what comes back shows another as chosen. */
export function choice(fieldset: HTMLElement, onChoice: (value: string) => void): (value: string) => void {
  const inputs = [...fieldset.querySelectorAll<HTMLInputElement>('input[type=radio]')]
  fieldset.addEventListener('change', event => onChoice((event.target as HTMLInputElement).value))
  return value => {
    for (const input of inputs) input.checked = input.value === value
  }
}
