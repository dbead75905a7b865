/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM's own memory; chunk.h states the rules. */
#include "mem/chunk.h"

#include "abi/hypercall.h"
#include "lib/string.h"
#include "mem/phys.h"

_Static_assert(CHUNK_PAGES == NXT_CHUNK_FRAMES - 1, "one page of a chunk is the allocator's");

/* At the start of each chunk. */
struct chunk {
	u64 next; /* chunk that came after it, or 0 */
	u64 used; /* pages handed out at least once: the first so many after this one */
};

/* At the start of each freed page. */
struct free_page {
	u64 next;
};

void chunk_list_init(struct chunk_list *list)
{
	*list = (struct chunk_list){0};
}

void chunk_add(struct chunk_list *list, u64 chunk)
{
	struct chunk *head = phys_to_virt(chunk);
	struct chunk *last;

	*head = (struct chunk){0};
	if (list->last) {
		last = phys_to_virt(list->last);
		last->next = chunk;
	} else {
		list->first = chunk;
	}
	list->last = chunk;
	if (!list->current)
		list->current = chunk;
}

/* A page that was never handed out, or 0. */
static u64 fresh_page(struct chunk_list *list)
{
	struct chunk *head;

	while (list->current) {
		head = phys_to_virt(list->current);
		if (head->used < CHUNK_PAGES)
			return list->current + ++head->used * PAGE_SIZE;
		list->current = head->next;
	}
	return 0;
}

u64 chunk_alloc_page(struct chunk_list *list)
{
	struct free_page *freed;
	u64 page = list->free;

	if (page) {
		freed = phys_to_virt(page);
		list->free = freed->next;
	} else {
		page = fresh_page(list);
	}
	if (!page)
		return 0;

	/* It holds what the control domain, or an earlier use, left there. */
	memset(phys_to_virt(page), 0, PAGE_SIZE);
	list->pages++;
	return page;
}

u64 chunk_alloc_pages(struct chunk_list *list, u64 count)
{
	struct chunk *head;
	u64 chunk = list->current;

	while (chunk) {
		head = phys_to_virt(chunk);
		if (head->used + count <= CHUNK_PAGES) {
			u64 first = chunk + (1 + head->used) * PAGE_SIZE;

			head->used += count;
			memset(phys_to_virt(first), 0, count * PAGE_SIZE);
			list->pages += count;
			return first;
		}
		chunk = head->next;
	}
	return 0;
}

void chunk_free_page(struct chunk_list *list, u64 page)
{
	struct free_page *freed = phys_to_virt(page);

	freed->next = list->free;
	list->free = page;
	list->pages--;
}

u64 chunk_pop(struct chunk_list *list)
{
	u64 chunk = list->first;
	struct chunk *head;
	u64 next;

	if (!chunk) {
		chunk_list_init(list);
		return 0;
	}

	head = phys_to_virt(chunk);
	next = head->next;
	memset(head, 0, (1 + head->used) * PAGE_SIZE);
	*list = (struct chunk_list){.first = next, .last = next ? list->last : 0};
	return chunk;
}
