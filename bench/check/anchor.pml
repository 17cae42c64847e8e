/*
 * The anchor protocol of src/check/protocols/anchor.ts for Spin: one statement per step of ours.
 *   spin -o1 -DV=2 -DI=2 -DA=3 -DM=2 -a anchor.pml
 */
byte seq, in_progress, spte, primary = 1;
bit taken;

#define OVER  tries++; sample = 0; page = 0

active [V] proctype fault() {
  byte tries, sample, page;
  do
  :: d_step { tries < A -> sample = seq };
     page = primary;
     if
     :: d_step { in_progress != 0 -> OVER }
     :: in_progress == 0 ->
        d_step { taken == 0 -> taken = 1 };
        if
        :: in_progress != 0
        :: in_progress == 0 ->
           if
           :: seq != sample
           :: seq == sample ->
              d_step { spte = page; assert(in_progress != 0 || spte == primary) }
           fi
        fi;
        d_step { taken = 0; OVER }
     fi
  od
}

active [I] proctype invalidate() {
  byte rounds;
  do
  :: d_step { rounds < M && taken == 0 -> taken = 1 };
     in_progress++;
     spte = 0;
     taken = 0;
     primary++;
     d_step { taken == 0 -> taken = 1 };
     seq++;
     in_progress--;
     assert(in_progress != 0 || spte == 0 || spte == primary);
     d_step { taken = 0; rounds++ }
  od
}
