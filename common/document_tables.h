/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_DOCUMENT_TABLES_H
#define NXT_DOCUMENT_TABLES_H

#include "common/document.h"
#include "common/json.h"

/* The members of a type's payload but "format", and where they go in its struct. */
const struct nxt_json_member *nxt_document_members(enum nxt_type type);

#endif
