// Names and roles for who hears the page: the widgets of Bokeh and Choices show their labels, but do not tie them to
// what takes the focus. Each lives in a shadow root of its own and writes its content anew when it changes.
const words = (element) => (element ? element.textContent.trim() : "")

function care(root) {
  for (const handle of root.querySelectorAll(".noUi-handle")) {
    const title = root.querySelector(".bk-slider-title")
    handle.setAttribute("aria-label", words(title).replace(/:[^:]*$/, ""))
  }
  for (const box of root.querySelectorAll("input[type=checkbox]")) {
    const label = root.querySelector(".bk-label")
    if (label) box.setAttribute("aria-label", words(label))
  }
  for (const button of root.querySelectorAll(".bk-spin-btn")) {
    button.setAttribute("aria-label", button.classList.contains("bk-spin-btn-up") ? "more" : "less")
    button.tabIndex = -1 // the arrow keys do the same
  }
  for (const search of root.querySelectorAll(".choices__input[type=search]")) {
    search.setAttribute("role", "combobox")
    search.setAttribute("aria-expanded", String(Boolean(root.querySelector(".choices__list--dropdown.is-active"))))
    search.setAttribute("aria-label", words(root.querySelector("label")) || "add")
  }
  for (const chosen of root.querySelectorAll(".choices__list--multiple .choices__item")) {
    chosen.removeAttribute("aria-selected")
  }
  for (const input of root.querySelectorAll("input[type=file]")) {
    if (!input.labels?.length) input.setAttribute("aria-label", "choose a file")
  }
  for (const heading of root.querySelectorAll("h3")) heading.setAttribute("aria-level", "2") // of cards, below the h1
  for (const element of root.querySelectorAll("*")) follow(element)
}

const followed = new WeakSet()
function follow(element) {
  const root = element.shadowRoot
  if (!root || followed.has(root)) return
  followed.add(root)
  let waiting = false
  const again = () => {
    waiting = false
    watcher.disconnect()
    care(root)
    watcher.observe(root, seen)
  }
  const seen = { childList: true, subtree: true }
  const watcher = new MutationObserver(() => {
    if (!waiting) requestAnimationFrame(again)
    waiting = true
  })
  again()
}

const tall = (element) => (element.firstElementChild?.getBoundingClientRect().height ?? 0) > 100
Array.from(document.querySelectorAll("[data-root-id]")).find(tall)?.setAttribute("role", "main")
care(document)
