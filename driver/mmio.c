// SPDX-License-Identifier: GPL-2.0-only
/* Marks in Engine's tables: nothing is at the address but a device, as the driver found out once. */
#include <linux/mm.h>

#include "hypercall.h"
#include "internal.h"
#include "memory.h"

/* Of one VM: bounds the page tables that a guest can make it spend on nothing. */
#define MMIO_PAGES_MAX 1024

bool nxt_map_mmio(struct nxt_vcpu *vcpu, u64 gpa)
{
	struct nxt_vm *vm = vcpu->vm;
	int idx = srcu_read_lock(&vm->srcu);
	long ret = 0;
	u32 chunks;

	/* Inside srcu: a slot that comes to lie here waits for this, and removes the mark. */
	if (!nxt_slot_find(vm, gpa >> PAGE_SHIFT) && atomic_read(&vm->mmio_pages) < MMIO_PAGES_MAX) {
		vcpu->map[0] = (struct nxt_map){.gpa = ALIGN_DOWN(gpa, PAGE_SIZE), .flags = NXT_MAP_MMIO};
		atomic_inc(&vm->mmio_pages);
		do {
			chunks = READ_ONCE(vm->chunk_count);
			ret = nxt_hc_vm_map(vm->id, page_to_pfn(virt_to_page(vcpu->map)), 1);
		} while (ret == -ENOMEM && !(ret = nxt_vm_give(vm, chunks)));
		if (ret != 1)
			atomic_dec(&vm->mmio_pages);
	}
	srcu_read_unlock(&vm->srcu, idx);
	return ret == 1;
}
