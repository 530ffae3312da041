/** The page's behaviour: filter, copy, contents on small screens, where one is. It reads well without. */

export const script = `
const contents = document.getElementById('contents');
const menu = document.getElementById('menu');
menu.addEventListener('click', () => {
  const open = contents.classList.toggle('open');
  menu.setAttribute('aria-expanded', String(open));
});
contents.addEventListener('click', (event) => {
  if (!event.target.closest('a')) return;
  contents.classList.remove('open');
  menu.setAttribute('aria-expanded', 'false');
});

const filter = document.getElementById('filter');
filter.addEventListener('input', () => {
  const wanted = filter.value.trim().toLowerCase();
  for (const item of contents.querySelectorAll('li[data-words]')) {
    item.hidden = !item.dataset.words.includes(wanted);
  }
  for (const list of contents.querySelectorAll('ul')) {
    const items = [...list.children];
    const empty = wanted !== '' && items.every((item) => item.hidden || !item.dataset.words);
    list.hidden = empty;
    list.previousElementSibling.hidden = empty;
  }
});
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.matches('input')) return;
  event.preventDefault();
  filter.focus();
});

for (const button of document.querySelectorAll('.copy')) {
  button.addEventListener('click', async () => {
    const code = button.parentElement.querySelector('code');
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = 'Selected';
    }
  });
  for (const leaving of ['pointerleave', 'blur']) {
    button.addEventListener(leaving, () => { button.textContent = 'Copy'; });
  }
}

const links = new Map([...contents.querySelectorAll('a')].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute('aria-current');
    links.get(target.id)?.setAttribute('aria-current', 'true');
  }
}, { rootMargin: '0px 0px -75% 0px' });
for (const target of document.querySelectorAll('.guide h2, .operation, #schemas')) seen.observe(target);
`;
