/* SPDX-License-Identifier: MIT */
int ll_placeholder;
