/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_PC_H
#define CENTER_PC_H

#include "center/core/request.h"
#include "center/core/shape.h"

/* Handlers of what PCs ask: see abi/center.yaml by these names. */
extern const struct shape shape_enrol[], shape_hardware[], shape_events[], shape_status[], shape_csr[];

int pc_trust(struct request *request);
int pc_enrol(struct request *request);
int pc_certificate(struct request *request);
int pc_news(struct request *request);
int pc_document(struct request *request);
int pc_index(struct request *request);
int pc_block(struct request *request);
int pc_events(struct request *request);
int pc_status(struct request *request);

/* A workspace of a PC that is there: makes its row. In a transaction; the caller assigns afterwards. */
int workspace_insert(struct request *request, const char *pc, json_t *workspace, char ret_id[NXT_ID_SIZE]);

/* 64: what a PC's assignment can hold. */
#define WORKSPACES_OF_PC 64

#endif
