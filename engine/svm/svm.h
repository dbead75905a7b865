/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the SVM back end share. */
#ifndef ENGINE_SVM_SVM_H
#define ENGINE_SVM_SVM_H

#include "svm/vmcb.h"
#include "vendor.h"

/* SVM's own MSRs, and bits of MSRs that are SVM's (AMD APM vol. 2, 15.30 and 3.1.7). */
#define MSR_VM_CR 0xc0010114
#define VM_CR_SVMDIS BIT(4) /* EFER_SVME cannot be set */
#define VM_CR_LOCK BIT(3)   /* ... and nobody changes that before the next reset */
#define MSR_VM_HSAVE_PA 0xc0010117
#define MSR_SVM_KEY 0xc0010118
#define EFER_SVME BIT(12)

/* Made once at boot; physical addresses. */
struct svm_tables {
	u64 cd_msrpm, vm_msrpm, iopm;
	u64 efer; /* bits of EFER that VMRUN accepts here, less SVME */
	bool has_nrips;
};
extern struct svm_tables svm_tables;

/* exit.c */
void svm_decode_exit(const struct vmcb *vmcb, struct exit *exit);

/*
 * virtual.c: an injected interrupt goes in as a virtual one where that comes to the same. True: it does, and
 * after the exit svm_end_virtual is due.
 */
bool svm_make_virtual(struct vmcb *vmcb);
void svm_end_virtual(struct vmcb *vmcb);

/* init.c */
void svm_cd_init(struct context *ctx);
void svm_vcpu_init(struct context *ctx);

/* state.c */
void svm_get_sregs(struct context *ctx, struct nxt_sregs *sregs);
bool svm_set_sregs(struct context *ctx, const struct nxt_sregs *sregs);
void svm_get_paging(const struct context *ctx, struct paging_state *paging);
void svm_get_segment(const struct context *ctx, u32 segment, struct nxt_segment *out);
bool svm_get_msr(struct context *ctx, u32 index, u64 *value);
bool svm_set_msr(struct context *ctx, u32 index, u64 value);
bool svm_cd_read_msr(u32 index, u64 *value);
u64 svm_get_dr(const struct context *ctx, u32 n);
void svm_set_dr(struct context *ctx, u32 n, u64 value);
void svm_set_cr2(struct context *ctx, u64 value);
void svm_set_tsc_offset(struct context *ctx, u64 offset);

/* event.c */
void svm_intercept_msrs(struct context *ctx, bool all);
void svm_intercept_dr(struct context *ctx, bool on);
void svm_intercept_exceptions(struct context *ctx, u32 mask);
void svm_inject(struct context *ctx, const struct event *event);
bool svm_pending(struct context *ctx, struct event *ret_event);
bool svm_irq_open(const struct context *ctx);
u32 svm_get_shadow(const struct context *ctx);
void svm_set_shadow(struct context *ctx, bool on);
void svm_want_window(struct context *ctx, u32 priority);
void svm_intercept_hlt(struct context *ctx, bool on);
void svm_intercept_iret(struct context *ctx, bool on);
u8 svm_get_tpr(const struct context *ctx);
void svm_set_tpr(struct context *ctx, u8 cr8);

#endif
